/** One instruction of a Dockerfile, with its lines put together. */
export interface Instruction {
  /** In capitals. */
  readonly name: string
  readonly text: string
  /** The words: of a JSON array if it is one, else what blanks separate. */
  readonly words: readonly string[]
}

export interface Stage {
  readonly image: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Reads what our Dockerfile uses of the language: comments, continued lines, JSON arrays, stages. */
export function readDockerfile(text: string): Stage[] {
  const lines = text.split('\n').filter(line => !/^\s*#/.test(line))
  const instructions = lines
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const instruction of instructions.map(readInstruction)) {
    const [image = '', as, name] = instruction.words
    if (instruction.name === 'FROM')
      stages.push({ image, name: as === undefined ? as : name, instructions: [] })
    else stages.at(-1)?.instructions.push(instruction)
  }
  return stages
}

function readInstruction(line: string): Instruction {
  const [, name = '', text = ''] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? []
  return { name: name.toUpperCase(), text: text.trim(), words: readWords(text.trim()) }
}

export function readWords(text: string): string[] {
  return text.startsWith('[') ? JSON.parse(text) : text.split(/\s+/)
}
