// Searches the documentation: the index is read when somebody begins to type.
import MiniSearch from 'minisearch';

const FOUND_MAX = 12;
const input = document.querySelector('.search input');
const list = document.querySelector('.search ul');
let index;

const load = async () => {
  const answer = await fetch('search.json');
  return MiniSearch.loadJSON(await answer.text(), {
    fields: ['heading', 'text'],
    storeFields: ['heading', 'page', 'href', 'start'],
  });
};

const close = () => {
  list.hidden = true;
  input.setAttribute('aria-expanded', 'false');
};

const show = async () => {
  const words = input.value.trim();
  if (words === '') return close();
  index ??= load();
  const found = (await index).search(words, { prefix: true, fuzzy: 0.15, boost: { heading: 3 } }).slice(0, FOUND_MAX);
  if (words !== input.value.trim()) return;
  list.replaceChildren(
    ...found.map(({ heading, page, href, start }) => {
      const entry = document.createElement('li');
      const link = document.createElement('a');
      link.href = href;
      link.textContent = heading === page ? page : `${page} › ${heading}`;
      const more = document.createElement('small');
      more.textContent = start;
      link.append(more);
      entry.append(link);
      return entry;
    }),
  );
  if (found.length === 0)
    list.replaceChildren(Object.assign(document.createElement('li'), { textContent: 'Nothing found.' }));
  list.hidden = false;
  input.setAttribute('aria-expanded', 'true');
};

const move = (by) => {
  const links = [...list.querySelectorAll('a')];
  const at = links.findIndex((link) => link.ariaSelected === 'true');
  for (const link of links) link.ariaSelected = null;
  const next = links[(at + by + links.length) % links.length];
  if (!next) return;
  next.ariaSelected = 'true';
  next.scrollIntoView({ block: 'nearest' });
};

input.addEventListener('input', show);
input.addEventListener('focus', show);
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') move(1);
  else if (event.key === 'ArrowUp') move(-1);
  else if (event.key === 'Escape') close();
  else if (event.key === 'Enter') (list.querySelector('a[aria-selected="true"]') ?? list.querySelector('a'))?.click();
  else return;
  event.preventDefault();
});
document.addEventListener('click', (event) => {
  if (!event.target.closest('.search')) close();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea')) return;
  event.preventDefault();
  input.focus();
});
