// Which pictures are sent, and when.

const AT_ONCE = 4;
const MAX_TRIES = 8;
const MAX_WAIT_S = 30;
// The kinds of failures that are not about one picture.
const STOPS = new Set(["busy", "gone", "token"]);

/**
 * Runs jobs in the order of their `number`, a few at a time, from the first `resume` on.
 *
 * `work(job, signal)` does a job and rejects with a `Failure`. What stops all jobs pauses the
 * queue, and the job comes again: `onPause(failure, waitS)` says so and calls `resume` in time.
 * A job has `tries`, `wait()` for when it comes again, and `fail(failure)` for when it does not.
 */
export class Queue {
  #work;
  #onPause;
  #waiting = [];
  #running = new Map();
  #isPaused = true;
  #pauses = 0;

  constructor(work, onPause) {
    this.#work = work;
    this.#onPause = onPause;
  }

  add(job) {
    this.#waiting.push(job);
    this.#waiting.sort((one, other) => one.number - other.number);
    this.#fill();
  }

  /** Forget a job, or stop it. The server is told by the closed connection. */
  remove(job) {
    this.#waiting = this.#waiting.filter((one) => one !== job);
    this.#running.get(job)?.abort();
  }

  pause(failure) {
    this.#isPaused = true;
    this.#onPause(failure, Math.max(failure.waitS, Math.min(2 ** this.#pauses, MAX_WAIT_S)));
    this.#pauses += 1;
  }

  resume() {
    this.#isPaused = false;
    this.#fill();
  }

  #fill() {
    while (!this.#isPaused && this.#waiting.length && this.#running.size < AT_ONCE) {
      this.#run(this.#waiting.shift());
    }
  }

  async #run(job) {
    const stop = new AbortController();
    this.#running.set(job, stop);
    try {
      await this.#work(job, stop.signal);
      this.#pauses = 0;
    } catch (failure) {
      if (!stop.signal.aborted) this.#failed(job, failure);
    }
    // The job may be running anew.
    if (this.#running.get(job) === stop) this.#running.delete(job);
    this.#fill();
  }

  #failed(job, failure) {
    job.tries += 1;
    const isFinal = failure.kind !== "token" && job.tries >= MAX_TRIES;
    if (!STOPS.has(failure.kind) || isFinal) {
      job.fail(failure);
    } else {
      // Of the jobs that run at the same time, the first one says it.
      if (!this.#isPaused) this.pause(failure);
      this.#running.delete(job);
      job.wait();
      this.add(job);
    }
  }
}
