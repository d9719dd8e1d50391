/** A value that several parts of the page watch. */

import { useEffect, useState } from "../vendor/preact.js";

/** One value and those who want to know when it changes. */
export class Store {
  #value;
  #listeners = new Set();

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set value(next) {
    if (Object.is(next, this.#value)) return;
    this.#value = next;
    for (const listen of [...this.#listeners]) listen(next);
  }

  /** Call a function with each new value; return a function that ends that. */
  watch(listen) {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }
}

/** Render again whenever a store's value changes; return the present one. */
export function useStore(store) {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    setValue(store.value);
    return store.watch(setValue);
  }, [store]);
  return value;
}
