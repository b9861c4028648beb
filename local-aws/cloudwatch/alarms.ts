import type { Clock } from '../clock.ts';
import { shareOf } from '../lambda/function-state.ts';
import type { Home } from '../lambda/identifiers.ts';
import type { LambdaStore } from '../lambda/store.ts';
import type { Timeline } from '../timeline.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
export type AlarmType = 'MetricAlarm' | 'CompositeAlarm' | 'LogAlarm';

/** An alarm that exists when local-aws starts. Nothing is measured: its state is what it was set to. */
export interface AlarmOptions {
  name: string;
  /** Default: OK. */
  state?: AlarmState | undefined;
  /** Default: MetricAlarm. The others are left out by DescribeAlarms unless AlarmTypes asks for them. */
  type?: AlarmType | undefined;
  changes?: AlarmChange[] | undefined;
}

/** "ALARM, so many ms after version 2 gets traffic of the alias live": each time that this comes true. */
export interface AlarmChange {
  functionName: string;
  alias: string;
  version: string;
  /** The least part of the traffic, from 0 to 1; 1 is "moved to it altogether". By default any traffic. */
  share?: number | undefined;
  /** Default: ALARM. */
  state?: AlarmState | undefined;
  afterMs?: number | undefined;
}

export interface Alarm {
  name: string;
  type: AlarmType;
  state: AlarmState;
  reason: string;
  updatedAt: Date;
}

export interface AlarmStore {
  home: Home;
  clock: Clock;
  timeline: Timeline;
  alarms: Map<string, Alarm>;
  /** Told of every alarm that has changed its state. */
  listeners: Set<(alarm: Alarm) => void>;
}

export function addAlarm(store: AlarmStore, lambda: LambdaStore, options: AlarmOptions): void {
  const { name, state = 'OK', type = 'MetricAlarm', changes = [] } = options;
  const reason = 'Unchecked: Initial alarm creation';
  store.alarms.set(name, { name, type, state, reason, updatedAt: new Date() });
  for (const change of changes) watchTraffic(store, lambda, name, change);
}

export function setAlarm(store: AlarmStore, name: string, state: AlarmState, reason = 'Set by a test.'): boolean {
  const alarm = store.alarms.get(name);
  if (alarm === undefined) return false;
  const isNew = alarm.state !== state;
  alarm.state = state;
  alarm.reason = reason;
  if (!isNew) return true;
  alarm.updatedAt = new Date();
  store.timeline.add('alarm-changed', name, { state });
  for (const listener of store.listeners) listener(alarm);
  return true;
}

function watchTraffic(store: AlarmStore, lambda: LambdaStore, name: string, change: AlarmChange): void {
  const { functionName, version, share = Number.MIN_VALUE, state = 'ALARM', afterMs = 0 } = change;
  let wasMet = false;
  lambda.aliasListeners.add((fn, alias) => {
    if (fn.name !== functionName || alias.name !== change.alias) return;
    const isMet = shareOf(alias, version) >= share;
    if (isMet && !wasMet)
      store.clock.after(afterMs, () => setAlarm(store, name, state, `Version ${version} has traffic.`));
    wasMet = isMet;
  });
}
