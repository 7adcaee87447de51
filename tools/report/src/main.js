// Puts the page together from the facts within it.
import {accuracySection} from './accuracy.js';
import {assign} from './colours.js';
import {comparisonSection} from './comparison.js';
import {h, search} from './dom.js';
import {graphSection} from './graph.js';
import {failuresSection, problemsSection} from './problems.js';
import {racesSection} from './races.js';
import {summarySection} from './summary.js';
import {timelineSection} from './timeline.js';

const names = {
  summary: 'Summary',
  graph: 'Graph',
  timeline: 'Timeline',
  accuracy: 'Predicted and measured',
  races: 'Plans',
  problems: 'Problems',
  failures: 'Failures',
  comparison: 'Comparison'
};

function theme() {
  const control = document.getElementById('theme');
  const modes = ['auto', 'light', 'dark'];
  const show = (mode) => {
    if (mode === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
    control.textContent = {auto: '◐ Auto', light: '☀ Light', dark: '☾ Dark'}[mode];
    control.setAttribute('aria-label', `Theme: ${mode}`);
    control.dataset.mode = mode;
  };
  control.addEventListener('click', () => show(modes[(modes.indexOf(control.dataset.mode) + 1) % modes.length]));
  show('auto');
}

// One section that fails must not take the others with it.
function guarded(id, make) {
  try {
    return make();
  } catch (error) {
    console.error(error);
    return h(
        'section', {id}, h('h2', {}, names[id]),
        h('p', {class: 'bad'}, `This part could not be drawn: ${error.message}`));
  }
}

function start() {
  const facts = JSON.parse(document.getElementById('facts').textContent);
  const {session} = facts;
  assign(facts);
  theme();
  document.title = `Motley report: ${session?.model ?? facts.inputs[0]?.path ?? ''}`;
  const sections = [
    ['summary', () => summarySection(facts)],
    ['graph', () => session && graphSection(session)],
    ['timeline', () => session?.events.length && timelineSection(session)],
    ['accuracy', () => session && accuracySection(session)],
    ['races', () => racesSection(facts)],
    ['problems', () => facts.problems.length && problemsSection(facts)],
    ['failures', () => failuresSection(facts)],
    ['comparison', () => facts.comparison && comparisonSection(facts.comparison)],
  ];
  const content = document.getElementById('content'), nav = document.getElementById('sections');
  for (const [id, make] of sections) {
    const section = guarded(id, make);
    if (!section) continue;
    content.append(section);
    nav.append(h('a', {href: `#${id}`}, names[id]));
  }
  const box = document.getElementById('search');
  box.addEventListener('input', () => search.set(box.value));
  // What is folded would be missing on paper.
  window.addEventListener('beforeprint', () => document.querySelectorAll('main details').forEach((element) => {
    element.open = true;
  }));
  document.documentElement.dataset.ready = '1';
}

start();
