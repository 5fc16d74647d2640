import { execFile } from 'node:child_process'

/** Runs the real OpenSSL; resolves with what it printed and its exit code. Rejects when it is not installed. */
export function openssl(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    execFile('openssl', args, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
    })
  })
}
