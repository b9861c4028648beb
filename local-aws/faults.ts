/** How a call goes wrong. Kinds marked "applied" change state although the caller cannot know. */
export type FaultKind =
  /** Without status and message: those of AWS, where the service knows the code. */
  | { kind: 'error'; code: string; status?: number; message?: string; headers?: Record<string, string> }
  /** Each service's own throttling error; `reason` is the Reason that Lambda gives. */
  | { kind: 'throttle'; retryAfterSeconds?: number; reason?: string }
  | { kind: 'service-unavailable' }
  | { kind: 'internal-error' }
  | { kind: 'denied' }
  | { kind: 'expired-token' }
  /** The connection is reset before the call is applied. */
  | { kind: 'reset-before' }
  /** Applied, then the connection is reset without an answer. */
  | { kind: 'reset-after' }
  /** Never answers. */
  | { kind: 'hang' }
  /** Applied; the answer stops in the middle of its headers. */
  | { kind: 'stall-headers' }
  /** Applied; the answer stops in the middle of its body. */
  | { kind: 'stall-body' }
  /** Applied; the body arrives byte by byte. */
  | { kind: 'drip'; everyMs?: number }
  /** Applied; a well-formed 200 whose body is cut in half. */
  | { kind: 'truncate' }
  /** Applied; the connection breaks in the middle of the body. */
  | { kind: 'reset-in-body' }
  /** A proxy's page instead of an answer. */
  | { kind: 'html-200' }
  /** Applied; a 200 without a body. */
  | { kind: 'empty-200' }
  /** The connection is reset, and for `ms` nothing listens any more. */
  | { kind: 'refuse'; ms: number }
  /** Applied and answered as usual, `ms` late. */
  | { kind: 'latency'; ms: number }
  | Outcome;

/** How work that a call starts ends, long after the call was answered. */
export type Outcome =
  /** The update, creation or version ends as Failed. */
  | { kind: 'ends-failed'; reasonCode?: string; reason?: string }
  /** It never ends. */
  | { kind: 'stuck' }
  | { kind: 'takes'; ms: number }
  /** The invocation itself fails: an HTTP 200 with X-Amz-Function-Error; `log` is what the function printed. */
  | { kind: 'function-error'; payload?: unknown; log?: string };

export type Fault = FaultKind & {
  /** `UpdateFunctionCode`, `Visit` for a request to a CDN, or `*`. */
  action: string;
  /** A function's name, a distribution's id or a repository's name; any when absent. */
  resource?: string;
  /** How many matching calls fail; default 1. */
  times?: number;
  /** How many matching calls pass first; default 0. */
  after?: number;
  /** Overrides whether the call is applied. */
  apply?: boolean;
  /** A delay before the call is applied or refused. */
  latencyMs?: number;
};

export interface FaultHandle {
  /** How many calls it has hit. */
  readonly used: number;
  remove: () => void;
}

export interface Faults {
  add: (fault: Fault) => FaultHandle;
  /** The fault for this call, counted as used. */
  take: (action: string, resource: string) => Fault | undefined;
  clear: () => void;
}

interface Armed {
  fault: Fault;
  passed: number;
  used: number;
}

export function startFaults(): Faults {
  let armed: Armed[] = [];
  return {
    add: (fault) => {
      const entry = { fault, passed: 0, used: 0 };
      armed.push(entry);
      return {
        get used() {
          return entry.used;
        },
        remove: () => {
          armed = armed.filter((other) => other !== entry);
        },
      };
    },
    take: (action, resource) => {
      // Every matching fault counts the call, so `after` means calls and not the order of scripting.
      const hits = armed.filter((entry) => matches(entry.fault, action, resource) && isDue(entry));
      const [hit] = hits;
      if (hit === undefined) return undefined;
      hit.used += 1;
      return hit.fault;
    },
    clear: () => {
      armed = [];
    },
  };
}

function matches(fault: Fault, action: string, resource: string): boolean {
  // `*` is for API calls: a fault for "everything" should not also break the pages behind the CDN.
  const sameAction = fault.action === action || (fault.action === '*' && action !== 'Visit');
  return sameAction && (fault.resource === undefined || fault.resource === resource);
}

function isDue(entry: Armed): boolean {
  if (entry.used >= (entry.fault.times ?? 1)) return false;
  if (entry.passed < (entry.fault.after ?? 0)) {
    entry.passed += 1;
    return false;
  }
  return true;
}

const NOT_APPLIED = new Set<FaultKind['kind']>([
  'error',
  'throttle',
  'service-unavailable',
  'internal-error',
  'denied',
  'expired-token',
  'reset-before',
  'hang',
  'html-200',
  'refuse',
]);

export function isApplied(fault: Fault | undefined): boolean {
  return fault === undefined || (fault.apply ?? !NOT_APPLIED.has(fault.kind));
}

export function outcomeOf(fault: Fault | undefined): Outcome | undefined {
  switch (fault?.kind) {
    case 'ends-failed':
    case 'stuck':
    case 'takes':
    case 'function-error':
      return fault;
    default:
      return undefined;
  }
}
