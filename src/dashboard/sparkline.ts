/** A line through the values; NaN is a break. */
export function drawSparkline(canvas: HTMLCanvasElement, values: readonly number[]): void {
  const scale = devicePixelRatio
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale]
  if (width === 0 || height === 0) return
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width)
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height)
  const context = canvas.getContext('2d')
  if (!context) return
  context.clearRect(0, 0, width, height)
  const known = values.filter((value) => !Number.isNaN(value))
  if (known.length === 0) return
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const edge = 3 * scale
  const x = (index: number) => edge + (index / Math.max(1, values.length - 1)) * (width - 2 * edge)
  const y = (value: number) =>
    high === low ? height / 2 : height - edge - ((value - low) / (high - low)) * (height - 2 * edge)
  const { color } = getComputedStyle(canvas)
  context.strokeStyle = color
  context.fillStyle = color
  context.lineWidth = 1.75 * scale
  context.lineJoin = 'round'
  context.beginPath()
  let drawing = false
  let last: [number, number] | null = null
  for (const [index, value] of values.entries()) {
    if (Number.isNaN(value)) drawing = false
    else {
      last = [x(index), y(value)]
      if (drawing) context.lineTo(...last)
      else context.moveTo(...last)
      drawing = true
    }
  }
  context.stroke()
  if (!last) return
  context.beginPath()
  context.arc(last[0], last[1], 2.5 * scale, 0, 2 * Math.PI)
  context.fill()
}
