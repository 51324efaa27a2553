// A snapshot of Level's: a view of the database, of now or of then.

import { AbstractSnapshot } from "abstract-level";
import type { View } from "../state/view.js";
import type { LevelKey } from "./keys.js";
import type { LevelValue } from "./values.js";

/** A state that does not change, behind a snapshot of Level's. */
export type LevelView = View<LevelValue, LevelKey>;

/** Made by `snapshot` and `at` of a TidemarkLevel. */
export class LevelSnapshot extends AbstractSnapshot {
  /** The view that it reads from: its `offset` and `time`, and reading without waiting. Closed with it. */
  readonly view: LevelView;

  /** Made by a TidemarkLevel. */
  constructor(view: LevelView, options: object) {
    // @ts-expect-error: abstract-level hands on whose it is, which is to close it; its types leave that out.
    super(options);
    this.view = view;
  }

  protected _close(): Promise<void> {
    this.view.close();
    return Promise.resolve();
  }
}

/** What to read from: the view behind a snapshot that reading was given. */
export function viewOf(snapshot: AbstractSnapshot): LevelView {
  if (snapshot instanceof LevelSnapshot) return snapshot.view;
  throw new TypeError("The snapshot is not one of a TidemarkLevel");
}
