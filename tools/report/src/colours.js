// One colour per device, the same in every part of the page. A device of a table and one of the session count as the
// same where each is the only one of its plugin.
const slots = 8;
const colours = new Map();
let names = [];

export function assign(facts) {
  const here = facts.session?.devices ?? [], told = facts.devices ?? [];
  const used = new Set((facts.session?.nodes ?? []).map((node) => node.device));
  const alone = (devices, plugin) => devices.filter((d) => d.plugin === plugin).length === 1;
  let next = 0;
  const take = (name) => {
    if (!colours.has(name)) colours.set(name, next++ % slots);
  };
  for (const name of used) take(name);
  for (const device of told) {
    const twin = here.find((d) => d.plugin === device.plugin && used.has(d.name));
    if (twin && alone(told, device.plugin) && alone(here, device.plugin))
      colours.set(device.id, colours.get(twin.name));
    else take(device.id);
  }
  for (const device of here) take(device.name);
  take('host');
  names = [...colours.keys()];
}

export const colour = (device) => `var(--d${colours.get(device) ?? slots - 1})`;
// For Plot's colour scale.
export const scale = (devices = names) => ({type: 'ordinal', domain: devices, range: devices.map(colour)});
