/** What the page uses of lit-html. */
export const nothing: unique symbol;
export function html(strings: TemplateStringsArray, ...values: unknown[]): object;
export function render(value: unknown, container: HTMLElement | DocumentFragment): object;
