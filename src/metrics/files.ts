import { Counter, Gauge, type Registry } from 'prom-client'
import type { Meter } from './meter.ts'

type FileMeter = Pick<
  Meter,
  'aclLoaded' | 'certificateValid' | 'certificateForgotten' | 'descriptorsExhausted'
>

/** The ACL file and the certificates in force. */
export function registerFileMetrics(registry: Registry): FileMeter {
  const registers = [registry]
  const aclRules = new Gauge({
    name: 'wott_acl_rules',
    help: 'Rules of the ACL file in use.',
    registers,
  })
  const aclReloadSuccessful = new Gauge({
    name: 'wott_acl_last_reload_successful',
    help: 'Whether the ACL file could be used when it was last read.',
    registers,
  })
  const aclReloadTime = new Gauge({
    name: 'wott_acl_last_reload_success_timestamp_seconds',
    help: 'When the ACL file in use was read.',
    registers,
  })
  const certificateNotBefore = new Gauge({
    name: 'wott_certificate_not_before_timestamp_seconds',
    help: "Start of validity of the gateway's certificate, of the device CA and of its revocation list.",
    labelNames: ['certificate'],
    registers,
  })
  const certificateExpiry = new Gauge({
    name: 'wott_certificate_expiry_timestamp_seconds',
    help: "End of validity of the gateway's certificate, of the device CA and of its revocation list.",
    labelNames: ['certificate'],
    registers,
  })
  const certificatesForgotten = new Counter({
    name: 'wott_certificates_forgotten_total',
    help: 'Verified client certificates that were forgotten because others were used after them; the next connection of such a device verifies it again.',
    registers,
  })
  const descriptorsExhausted = new Counter({
    name: 'wott_descriptors_exhausted_total',
    help: 'Times that a file could not be read because no file descriptor was left; it is tried again.',
    registers,
  })

  return {
    aclLoaded(rules) {
      aclReloadSuccessful.set(rules === null ? 0 : 1)
      if (rules === null) return
      aclRules.set(rules)
      aclReloadTime.setToCurrentTime()
    },
    certificateValid(certificate, validity) {
      certificateNotBefore.remove({ certificate })
      certificateExpiry.remove({ certificate })
      if (validity === null) return
      certificateNotBefore.set({ certificate }, validity.from / 1000)
      certificateExpiry.set({ certificate }, validity.to / 1000)
    },
    certificateForgotten: () => certificatesForgotten.inc(),
    descriptorsExhausted: () => descriptorsExhausted.inc(),
  }
}

/** Whether the last load of each of these files failed. */
export function registerReloads(
  registry: Registry,
  failures: Readonly<Record<string, () => string | null>>,
): void {
  new Gauge({
    name: 'wott_reload_pending',
    help: 'Whether the file on the disk cannot be used, so that the old one is still used; it is tried again.',
    labelNames: ['file'],
    registers: [registry],
    collect() {
      for (const [file, failure] of Object.entries(failures))
        this.set({ file }, failure() === null ? 0 : 1)
    },
  })
}
