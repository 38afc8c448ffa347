/** deploy/kubernetes/scaledobject.yaml and deployment.yaml; manifests.tier.ts checks that they say the same. */
export const deployed = {
  scaledObject: {
    pollingInterval: 2,
    cooldownPeriod: 60,
    maxReplicaCount: 10,
    activationValue: 0,
    value: 5,
    stabilizationWindow: 60,
  },
  grace: 55,
  terminationGracePeriod: 60,
} as const;
