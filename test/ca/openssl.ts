import { execFile } from 'node:child_process'

/** No CAs of the system: OpenSSL would trust them too, and takes most of its time to read them. */
export const NO_SYSTEM_CAS = { SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: '/dev/null' }

/** Runs the real OpenSSL; resolves with what it printed and its exit code. Rejects when it is not installed. */
export function openssl(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...NO_SYSTEM_CAS }
    execFile('openssl', args, { env }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
    })
  })
}
