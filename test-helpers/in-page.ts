// Functions that run in a page: each by its source alone, so none may use anything from outside of itself.

/** The parts of a browser that are used here. The compiler knows no browser: nothing else here has any business with one. */
interface PageElement {
  readonly id: string;
  readonly tagName: string;
  readonly namespaceURI: string;
  readonly textContent: string;
  readonly parentElement: PageElement | null;
  readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string | null }>;
  readonly innerHTML: string;
  readonly scrollWidth: number;
  readonly clientWidth: number;
  getAttribute(name: string): string | null;
  getBoundingClientRect(): Readonly<Record<'left' | 'right' | 'top' | 'bottom' | 'height', number>>;
  getScreenCTM(): { readonly a: number };
  querySelectorAll(selector: string): Iterable<PageElement>;
}
declare const document: PageElement & { readonly body: PageElement; readonly documentElement: PageElement };
declare function getComputedStyle(
  element: PageElement,
): Readonly<Record<'color' | 'fill' | 'stroke' | 'backgroundColor' | 'fontSize' | 'breakInside' | 'overflowX', string>>;

/** All ids, and those that are referred to. */
export function ids() {
  const references = document.body.innerHTML.matchAll(/url\(#([^)]+)\)|href="#([^"]+)"/g);
  return {
    own: [...document.querySelectorAll('[id]')].map(({ id }) => id),
    wanted: [...references].map((match) => match[1] ?? match[2] ?? ''),
  };
}

/** A text whose colour is too near to what is behind it, as `ratio: text`. */
export function faintTexts(least: number): string[] {
  const rgba = (colour: string) => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
    return { channels: [red, green, blue], alpha };
  };
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = rgba(colour).channels.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element: PageElement | null): string => {
    if (!element) return 'rgb(255, 255, 255)';
    const { backgroundColor } = getComputedStyle(element);
    return rgba(backgroundColor).alpha === 0 ? behind(element.parentElement) : backgroundColor;
  };
  const faint: string[] = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!own || element.tagName === 'style') continue;
    const style = getComputedStyle(element);
    const colours = [
      luminance(element.namespaceURI.endsWith('svg') ? style.fill : style.color),
      luminance(behind(element)),
    ];
    const ratio = (Math.max(...colours) + 0.05) / (Math.min(...colours) + 0.05);
    if (ratio < least) faint.push(`${ratio.toFixed(2)}: ${element.textContent}`);
  }
  return faint;
}

/** Texts of charts that are smaller than a number of CSS pixels, cut off at an edge, or upon each other. */
export function badChartTexts(smallest: number): string[] {
  const bad: string[] = [];
  for (const svg of document.querySelectorAll('svg')) {
    const name = svg.getAttribute('aria-label');
    const edge = svg.getBoundingClientRect();
    const boxes: { text: string; box: ReturnType<PageElement['getBoundingClientRect']> }[] = [];
    for (const element of svg.querySelectorAll('text')) {
      const text = element.textContent;
      if (text.trim() === '') continue;
      const size = Number.parseFloat(getComputedStyle(element).fontSize) * element.getScreenCTM().a;
      if (size < smallest) bad.push(`${size.toFixed(1)} px: ${text} (${name})`);
      const box = element.getBoundingClientRect();
      if (
        box.left < edge.left - 1 ||
        box.right > edge.right + 1 ||
        box.top < edge.top - 2 ||
        box.bottom > edge.bottom + 2
      )
        bad.push(`cut off: ${text} (${name})`);
      for (const other of boxes) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        // a line of text is higher than its letters
        if (across > 1 && down > box.height / 3) bad.push(`upon each other: ${text}, ${other.text} (${name})`);
      }
      boxes.push({ text, box });
    }
  }
  return bad;
}
