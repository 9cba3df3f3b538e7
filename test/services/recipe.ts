/** A program and how to run it. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Run as this user; only root may say so. */
  readonly user?: User | undefined
}

export interface User {
  readonly uid: number
  readonly gid: number
}

/** Where one server lives: everything it writes is inside `folder`, which ends with it. */
export interface Place {
  /** What `Recipe.install` returned. */
  readonly home: string
  readonly folder: string
  readonly dataDir: string
  /** As many free loopback ports as the recipe asked for; the first is the one clients use. */
  readonly ports: readonly [number, ...number[]]
  /** Extra settings in the server's own words. */
  readonly settings: Readonly<Record<string, string>>
  readonly user: User | undefined
}

/** All that is particular to one kind of server. `server.ts` does the rest, the same way for all. */
export interface Recipe {
  /** As in messages and folder names. */
  readonly name: string
  /** The environment variable that names a server which already runs. */
  readonly variable: string
  /** How many ports it listens on. */
  readonly ports: number
  /**
   * Ends it at once, without care for its data. SIGKILL, unless that leaves something outside `Place.folder`.
   */
  readonly stopSignal: NodeJS.Signals
  /** The server runs as somebody else than root. */
  readonly unprivileged: boolean
  /** Finds the programs, or downloads them into the cache; returns where they are. */
  install(): Promise<string>
  /** Called once per server, with an empty `dataDir`. */
  prepare(place: Place): Promise<void>
  /** Called at each start. */
  command(place: Place): Promise<Command>
  url(place: Place): string
  /** Called until it resolves: it does when a client can do real work. Leaves no trace. */
  probe(url: string): Promise<void>
  /** Called after the server was killed: mends what a crash leaves outside the folder. */
  sweep?(place: Place): Promise<void>
}
