import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HostsFile } from './hosts-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'posthorn-hosts-'));
const path = join(folder, 'hosts');
afterAll(() => rmSync(folder, { recursive: true }));

test('names, aliases, comments, more than one address; a change is seen', async () => {
  writeFileSync(
    path,
    '# ours\n127.0.0.1\tlocal  Shop.internal # a comment\n::1 local\nnonsense here\n\n10.0.0.7 other\r\n',
  );
  const hosts = new HostsFile(path);
  expect(await hosts.addressesOf('local')).toEqual(['127.0.0.1', '::1']);
  expect(await hosts.addressesOf('SHOP.internal')).toEqual(['127.0.0.1']);
  expect(await hosts.addressesOf('other')).toEqual(['10.0.0.7']);
  for (const unknown of ['here', 'comment', '127.0.0.1', 'constructor']) {
    expect(await hosts.addressesOf(unknown)).toEqual([]);
  }
  writeFileSync(path, '10.0.0.8 other\n');
  utimesSync(path, 1, 1);
  expect(await hosts.addressesOf('other')).toEqual(['10.0.0.8']);
});

test('without the file there are no names', async () => {
  expect(await new HostsFile(join(folder, 'none')).addressesOf('local')).toEqual([]);
});
