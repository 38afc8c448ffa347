// A model of KEDA and of the autoscaler that KEDA makes, as their documentation describes them: time and what the scaler saw go in,
// the number of workers comes out. It knows neither RabbitMQ nor workers.
//
// Where a rule says:
//   [KEDA]  https://keda.sh/docs/2.18/reference/scaledobject-spec/ and https://keda.sh/docs/2.18/concepts/scaling-deployments/
//   [HPA]   https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/

/** The part of a ScaledObject that the model knows; times in seconds. */
export interface ScaledObject {
  /** [KEDA] how often the triggers are checked while there is no replica, and for going back to none. */
  readonly pollingInterval: number;
  /** [KEDA] "the period to wait after the last trigger reported active before scaling the resource back to 0". */
  readonly cooldownPeriod: number;
  readonly maxReplicaCount: number;
  /** [KEDA] "activation only occurs when this value is greater than the set value; not greater than or equal to". */
  readonly activationValue: number;
  /** The target of each replica: [HPA] an external metric of the type AverageValue. */
  readonly value: number;
  /** [HPA] `behavior.scaleDown.stabilizationWindowSeconds`. */
  readonly stabilizationWindow: number;
}

/** [HPA] `--horizontal-pod-autoscaler-sync-period`, 15 s unless the cluster was started otherwise. */
export const SYNC_PERIOD = 15;

/** [HPA] a ratio this close to 1 changes nothing: `--horizontal-pod-autoscaler-tolerance`. */
const TOLERANCE = 0.1;

/** How many workers there should be, from 0 to `maxReplicaCount`. */
export class Keda {
  readonly #settings: ScaledObject;
  #replicas = 0;
  #lastActive: number | undefined;
  #recommendations: { readonly at: number; readonly replicas: number }[] = [];

  constructor(settings: ScaledObject) {
    this.#settings = settings;
  }

  get replicas(): number {
    return this.#replicas;
  }

  /** KEDA's own part, from none to one and from some to none: to be called each `pollingInterval`. */
  poll(now: number, metric: number): number {
    const { activationValue, cooldownPeriod } = this.#settings;
    if (metric > activationValue) {
      this.#lastActive = now;
      if (this.#replicas === 0) this.#replicas = 1;
    } else if (this.#replicas > 0 && (this.#lastActive === undefined || now - this.#lastActive > cooldownPeriod)) {
      this.#replicas = 0;
      this.#recommendations = [];
    }
    return this.#replicas;
  }

  /** The autoscaler's part, from one to many and back: to be called each {@link SYNC_PERIOD}. It does nothing while there is none. */
  sync(now: number, metric: number): number {
    const { value, maxReplicaCount, stabilizationWindow } = this.#settings;
    if (this.#replicas === 0) return 0;
    const ratio = metric / (value * this.#replicas);
    const wanted = Math.abs(ratio - 1) <= TOLERANCE ? this.#replicas : Math.ceil(metric / value);
    const bounded = Math.min(maxReplicaCount, Math.max(1, wanted));
    // [HPA] scaling down takes the highest recommendation of the window
    this.#recommendations.push({ at: now, replicas: bounded });
    this.#recommendations = this.#recommendations.filter(({ at }) => now - at <= stabilizationWindow);
    const highest = Math.max(...this.#recommendations.map(({ replicas }) => replicas));
    // [HPA] the default policy for scaling up: twice as many, or four more, in each period
    const most = Math.max(2 * this.#replicas, this.#replicas + 4);
    if (bounded > this.#replicas) this.#replicas = Math.min(bounded, most);
    else this.#replicas = Math.min(this.#replicas, highest);
    return this.#replicas;
  }
}
