/** One figure with the goal it is held to. */
export interface Figure {
  readonly name: string;
  readonly measured: string;
  readonly goal: string;
  readonly isMet: boolean;
}

/** Prints figures as they come and remembers whether all goals were met. */
export class Report {
  private readonly figures: Figure[] = [];

  add(figure: Figure): void {
    this.figures.push(figure);
    console.log(`${figure.isMet ? 'met   ' : 'MISSED'}  ${figure.name}: ${figure.measured} (goal: ${figure.goal})`);
  }

  /** Prints a figure that has no goal. */
  note(name: string, measured: string): void {
    console.log(`noted   ${name}: ${measured}`);
  }

  get missed(): number {
    return this.figures.filter(({ isMet }) => !isMet).length;
  }
}
