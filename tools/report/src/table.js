// A table that sorts, filters and listens to the page's search box.
import {h, search} from './dom.js';

const firstRows = 200;

// columns: [{name, value: row → number or text to sort and search by, show?: row → node or text, number?: true,
// nowrap?: true}] options: {caption, chosen?: row → bool, sort?: {column: index, down: bool}}
export function table(columns, rows, options = {}) {
  let sorted = options.sort ?? null, filter = '', limit = firstRows;
  const body = h('tbody');
  const info = h('span', {class: 'muted', role: 'status'});
  const more =
      h('button', {
        type: 'button',
        hidden: true,
        onclick: () => {
          limit = Infinity;
          draw();
        }
      },
        'Show all');
  const input = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': `Filter ${options.caption ?? 'rows'}`,
    oninput: () => {
      filter = input.value.trim().toLowerCase();
      draw();
    }
  });
  const heads = columns.map(
      (column, index) =>
          h('th', {scope: 'col', class: column.number ? 'number' : null},
            h('button', {type: 'button', onclick: () => sortBy(index)}, column.name)));

  const texts =
      new Map(rows.map((row) => [row, columns.map((c) => String(c.value(row) ?? '')).join('\n').toLowerCase()]));
  const matches = (row) => [filter, search.text].every((word) => !word || texts.get(row).includes(word));

  function sortBy(column) {
    const down = sorted?.column === column ? !sorted.down : Boolean(columns[column].number);
    sorted = {column, down};
    draw();
  }

  // Unknown values come last, whichever way.
  function compare(a, b) {
    const {value} = columns[sorted.column];
    const x = value(a), y = value(b);
    const none = (v) => v === undefined || v === null || Number.isNaN(v);
    if (none(x) || none(y)) return none(x) - none(y);
    const order = typeof x === 'number' && typeof y === 'number' ?
        x - y :
        String(x).localeCompare(String(y), 'en', {numeric: true});
    return sorted.down ? -order : order;
  }

  function draw() {
    const shown = rows.filter(matches);
    if (sorted) shown.sort(compare);
    heads.forEach((head, index) => {
      const state = sorted?.column === index ? (sorted.down ? 'descending' : 'ascending') : 'none';
      head.setAttribute('aria-sort', state);
      head.firstChild.textContent = columns[index].name + {descending: ' ▾', ascending: ' ▴', none: ''}[state];
    });
    body.replaceChildren(...shown.slice(0, limit).map(line));
    more.hidden = shown.length <= limit;
    info.textContent = `${Math.min(limit, shown.length)} of ${rows.length}`;
  }

  const line = (row) =>
      h('tr', {class: options.chosen?.(row) ? 'chosen' : null},
        ...columns.map(
            (column) =>
                h('td',
                  {class: column.number ? 'number' :
                       column.nowrap    ? 'nowrap' :
                                          null},
                  (column.show ?? column.value)(row) ?? '–')));

  draw();
  const element =
      h('div', {}, h('div', {class: 'row'}, input, info, more),
        h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption ?? 'Table'},
          h('table', {}, h('thead', {}, h('tr', {}, ...heads)), body)));
  // A table that was replaced stops listening.
  const stop = search.listen(() => (element.isConnected || !element.dataset.seen ? draw() : stop()));
  requestAnimationFrame(() => {
    if (element.isConnected) element.dataset.seen = '1';
  });
  return element;
}
