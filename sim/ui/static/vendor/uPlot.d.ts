/** What the page uses of uPlot, which is a classic script and puts itself into the global scope. */
declare class uPlot {
  constructor(options: object, data: unknown[], target: HTMLElement);
  static paths: Record<string, (options: object) => unknown>;
  series: { show: boolean }[];
  bbox: { left: number; top: number; width: number; height: number };
  ctx: CanvasRenderingContext2D;
  setData(data: unknown[]): void;
  setSize(size: { width: number; height: number }): void;
  valToPos(value: number, scale: string, canvas?: boolean): number;
  redraw(paths?: boolean): void;
  destroy(): void;
}
