// The library decorates its ASN.1 schemas and needs this metadata API before it is evaluated. Together they take
// some 150 ms to load, so only this file imports them, and what `serve` runs never imports this file.
import 'reflect-metadata'

export * from '@peculiar/x509'
