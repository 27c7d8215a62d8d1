// A product that publishes in its own transaction: node examples/transaction.mjs <database URL> <account>
// The order is stored and the event is delivered, or neither.
import pg from 'pg';

const [connectionString, account] = process.argv.slice(2);
if (!account) {
  console.error('Usage: node examples/transaction.mjs <database URL> <account>');
  process.exit(1);
}
const client = new pg.Client({ connectionString });
await client.connect();
try {
  await client.query('CREATE TABLE IF NOT EXISTS orders (id bigint PRIMARY KEY, total numeric NOT NULL)');
  await client.query('BEGIN');
  const id = Date.now();
  await client.query('INSERT INTO orders (id, total) VALUES ($1, $2)', [id, '5.0']);
  const { rows } = await client.query("SELECT posthorn.publish($1, 'order.created', $2) AS event", [
    account,
    `{"id": ${id}, "total": 5.0}`,
  ]);
  await client.query('COMMIT');
  console.log(`Order ${id} is stored, and event ${rows[0].event} is on its way.`);
} catch (error) {
  await client.query('ROLLBACK');
  throw error;
} finally {
  await client.end();
}
