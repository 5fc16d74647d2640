// The library decorates its ASN.1 schemas, which needs this metadata API to be loaded first. Loading both takes some 150 ms, so
// only this file imports them, and nothing that `serve` loads imports this file.
import 'reflect-metadata'

export * from '@peculiar/x509'
