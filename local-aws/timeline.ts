type EventType =
  | 'function-created'
  | 'function-active'
  | 'function-failed'
  | 'update-started'
  | 'update-finished'
  | 'update-failed'
  | 'version-published'
  | 'version-active'
  | 'version-failed'
  | 'version-deleted'
  | 'alias-changed'
  | 'alias-deleted'
  | 'invoked'
  | 'provisioned-started'
  | 'provisioned-ready'
  | 'provisioned-failed'
  | 'alarm-changed'
  | 'deployment-created'
  | 'deployment-changed'
  | 'invalidation-created'
  | 'invalidation-completed'
  | 'cache-cleared'
  | 'origin-fetch'
  | 'visit'
  | 'fault';

/** Something that happened, in order; `subject` is a function's name or a distribution's id. */
export interface TimelineEvent {
  /** `performance.now()` of this process. */
  at: number;
  date: Date;
  type: EventType;
  subject: string;
  detail: Record<string, string | number | boolean | undefined>;
}

export interface Timeline {
  events: TimelineEvent[];
  add: (type: EventType, subject: string, detail?: TimelineEvent['detail']) => void;
}

export function startTimeline(): Timeline {
  const events: TimelineEvent[] = [];
  return {
    events,
    add: (type, subject, detail = {}) => {
      events.push({ at: performance.now(), date: new Date(), type, subject, detail });
    },
  };
}
