/** Home Assistant's device classes of sensors whose state is a number. */
export const DEVICE_CLASSES: ReadonlySet<string> = new Set([
  ...['absolute_humidity', 'apparent_power', 'aqi', 'area', 'atmospheric_pressure', 'battery'],
  ...['blood_glucose_concentration', 'carbon_dioxide', 'carbon_monoxide', 'conductivity'],
  ...['current', 'data_rate', 'data_size', 'distance', 'duration', 'energy', 'energy_distance'],
  ...['energy_storage', 'frequency', 'gas', 'humidity', 'illuminance', 'irradiance', 'moisture'],
  ...['monetary', 'nitrogen_dioxide', 'nitrogen_monoxide', 'nitrous_oxide', 'ozone', 'ph', 'pm1'],
  ...['pm10', 'pm25', 'pm4', 'power', 'power_factor', 'precipitation', 'precipitation_intensity'],
  ...['pressure', 'reactive_energy', 'reactive_power', 'signal_strength', 'sound_pressure'],
  ...['speed', 'sulphur_dioxide', 'temperature', 'temperature_delta'],
  ...['volatile_organic_compounds', 'volatile_organic_compounds_parts', 'voltage', 'volume'],
  ...['volume_flow_rate', 'volume_storage', 'water', 'weight', 'wind_direction', 'wind_speed'],
])

/** By units that say what is measured; a percentage may be a humidity or a battery. */
const CLASS_OF_UNIT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    temperature: ['°C', '°F', 'K'],
    pressure: ['Pa', 'hPa', 'kPa', 'mbar', 'bar', 'psi'],
    voltage: ['V', 'mV', 'kV'],
    current: ['A', 'mA'],
    power: ['mW', 'W', 'kW', 'MW'],
    energy: ['Wh', 'kWh', 'MWh'],
    apparent_power: ['VA'],
    reactive_power: ['var'],
    frequency: ['Hz', 'kHz', 'MHz'],
    illuminance: ['lx'],
    irradiance: ['W/m²'],
    signal_strength: ['dBm'],
    sound_pressure: ['dBA'],
    conductivity: ['µS/cm', 'mS/cm'],
    precipitation_intensity: ['mm/h', 'mm/d'],
    volume_flow_rate: ['L/min', 'm³/h'],
  }).flatMap(([name, units]) => units.map((unit) => [unit, name] as const)),
)

/** Home Assistant's device class that goes with a unit; null for none. */
export function deviceClassOf(unit: string | null): string | null {
  return unit === null ? null : (CLASS_OF_UNIT.get(unit) ?? null)
}

/** Device classes whose values only grow. */
const TOTALS: ReadonlySet<string> = new Set(['energy', 'gas', 'reactive_energy', 'volume', 'water'])

/** Home Assistant's state class that goes with a device class; null for none. */
export function stateClassOf(deviceClass: string | null): string | null {
  if (deviceClass === 'wind_direction') return null
  if (deviceClass === 'monetary') return 'total'
  return deviceClass !== null && TOTALS.has(deviceClass) ? 'total_increasing' : 'measurement'
}
