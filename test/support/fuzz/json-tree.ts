/** JSON that can be written wrongly: objects that have a name twice, and tokens that no value of JavaScript stands for. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export type Tree =
  | { kind: 'object'; members: [name: string, value: Tree][] }
  | { kind: 'array'; items: Tree[] }
  | { kind: 'token'; text: string };

export function toTree(value: Json): Tree {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(toTree) };
  if (typeof value !== 'object' || value === null) return { kind: 'token', text: JSON.stringify(value) };
  return { kind: 'object', members: Object.entries(value).map(([name, member]) => [name, toTree(member)]) };
}

export function writeTree(tree: Tree): string {
  if (tree.kind === 'token') return tree.text;
  if (tree.kind === 'array') return `[${tree.items.map(writeTree).join(',')}]`;
  return `{${tree.members.map(([name, value]) => `${JSON.stringify(name)}:${writeTree(value)}`).join(',')}}`;
}

/** One change: at the place of this number, in this way, with this token. */
export interface Change {
  place: number;
  way: 'replace' | 'remove' | 'repeat' | 'add' | 'wrap';
  token: string;
  name: string;
}

export function change(root: Tree, { place, way, token, name }: Change): Tree {
  const trees = all(root);
  const found = trees[place % trees.length] ?? root;
  const put = (tree: Tree) => Object.assign(found, { members: undefined, items: undefined, text: undefined }, tree);
  switch (way) {
    case 'replace':
      put({ kind: 'token', text: token });
      break;
    case 'wrap':
      put({ kind: 'array', items: [{ ...found }] });
      break;
    case 'remove':
      if (found.kind === 'object') found.members.splice(place % Math.max(found.members.length, 1), 1);
      if (found.kind === 'array') found.items.splice(place % Math.max(found.items.length, 1), 1);
      break;
    case 'repeat': {
      const member = found.kind === 'object' ? found.members[place % found.members.length] : undefined;
      if (found.kind === 'object' && member) found.members.push([member[0], { kind: 'token', text: token }]);
      if (found.kind === 'array') found.items.push(...found.items);
      break;
    }
    case 'add':
      if (found.kind === 'object') found.members.push([name, { kind: 'token', text: token }]);
      if (found.kind === 'array') found.items.push({ kind: 'token', text: token });
      break;
  }
  return root;
}

function all(tree: Tree): Tree[] {
  if (tree.kind === 'token') return [tree];
  const children = tree.kind === 'array' ? tree.items : tree.members.map(([, value]) => value);
  return [tree, ...children.flatMap(all)];
}
