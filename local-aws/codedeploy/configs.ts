/** Part of the traffic in percent, and how many of CodeDeploy's minutes it lasts. */
export interface Step {
  percent: number;
  minutes: number;
}

/** How a named deployment configuration shifts traffic; undefined when there is none of that name. */
export function readConfig(name: string): Step[] | undefined {
  if (name === `${PREFIX}AllAtOnce`) return [{ percent: 100, minutes: 0 }];
  const canary = CANARY.exec(name);
  if (canary !== null) return canarySteps(10, Number(canary[1]));
  const linear = LINEAR.exec(name);
  return linear === null ? undefined : linearSteps(10, Number(linear[1]));
}

/** As GetDeploymentConfig shows it. */
export function routingOf(name: string): Record<string, unknown> | undefined {
  const canary = CANARY.exec(name);
  const linear = LINEAR.exec(name);
  if (canary !== null) {
    return { type: 'TimeBasedCanary', timeBasedCanary: { canaryPercentage: 10, canaryInterval: Number(canary[1]) } };
  }
  if (linear !== null) {
    return { type: 'TimeBasedLinear', timeBasedLinear: { linearPercentage: 10, linearInterval: Number(linear[1]) } };
  }
  return name === `${PREFIX}AllAtOnce` ? { type: 'AllAtOnce' } : undefined;
}

const PREFIX = 'CodeDeployDefault.Lambda';
const CANARY = /^CodeDeployDefault\.LambdaCanary10Percent(5|10|15|30)Minutes$/;
const LINEAR = /^CodeDeployDefault\.LambdaLinear10PercentEvery(1|2|3|10)Minutes?$/;

function canarySteps(percent: number, minutes: number): Step[] {
  return [
    { percent, minutes },
    { percent: 100, minutes: 0 },
  ];
}

function linearSteps(percent: number, minutes: number): Step[] {
  return Array.from({ length: 100 / percent }, (_, index) => ({ percent: percent * (index + 1), minutes }));
}
