import type { OptionTable, Program } from './option.ts';

const WIDTH = 100;

type Option = OptionTable[string];

/** The text of `--help`: how to call the program, what it does, and a line per option, aligned, 100 columns wide. */
export function helpText(program: Program<OptionTable>): string {
  const rows = [
    ...Object.values(program.options).map((option) => [term(option), description(option)] as const),
    ['-h, --help', 'print this and exit'] as const,
    ['    --version', 'print the version and exit'] as const,
  ];
  const column = Math.max(...rows.map(([left]) => left.length)) + 4;
  const lines = rows.map(
    ([left, right]) => `  ${left}`.padEnd(column) + wrap(right, WIDTH - column).join(`\n${' '.repeat(column)}`),
  );
  const parts = [`Usage: ${program.usage}`, wrap(program.summary, WIDTH).join('\n'), `Options:\n${lines.join('\n')}`];
  if (program.epilogue) parts.push(program.epilogue.trimEnd());
  return `${parts.join('\n\n')}\n`;
}

function term(option: Option): string {
  const short = option.short ? `-${option.short}, ` : '    ';
  if (option.type === 'string') return `${short}--${option.flag} ${option.placeholder}`;
  // The short form always turns on, so it does not belong beside --no-….
  return option.default ? `    --no-${option.flag}` : `${short}--${option.flag}`;
}

function description(option: Option): string {
  const notes: string[] = [];
  if (option.type === 'string') {
    if (option.multiple) notes.push('may be repeated');
    if (option.env) notes.push(`env ${option.env}`);
    if (option.default !== undefined) notes.push(`default ${option.default}`);
  } else if (option.env) notes.push(`env ${option.env}=${!option.default}`);
  return notes.length ? `${option.help} (${notes.join(', ')})` : option.help;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
