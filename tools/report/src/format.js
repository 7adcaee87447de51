// Numbers as people read them.

export function time(ns) {
  if (ns === undefined || ns === null || !isFinite(ns)) return '–';
  const steps = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  for (const [unit, name] of steps)
    if (Math.abs(ns) >= unit) return `${significant(ns / unit)} ${name}`;
  return `${significant(ns)} ns`;
}

// In the units of a plan's cost.
export function cost(value, unit) {
  if (value === undefined || value === null) return '–';
  if (unit === 'nJ') return `${significant(value / 1e3)} µJ`;
  return unit === 'bytes' ? bytes(Math.round(value)) : time(value);
}

export function bytes(count) {
  if (count === undefined || count === null) return '–';
  for (const [unit, name] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']])
    if (count >= unit) return `${significant(count / unit)} ${name}`;
  return `${count} B`;
}

export const significant = (value) => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
};

export const ratio = (value) =>
    (value === undefined || value === null ? '–' : `${value.toFixed(value < 10 ? 3 : 1)} ×`);
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
export const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;
export const shape = (tensor) =>
    !tensor.shape ? '' : `${tensor.type} ${tensor.shape.length ? tensor.shape.join('×') : 'scalar'}`;
export const config = (text) => (text ? text : '(default)');
