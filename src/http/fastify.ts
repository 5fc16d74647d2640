import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify'

/** Fastify's types for servers of both HTTP/1.1 and HTTP/2. */
export type App = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>
export type Request = FastifyRequest<RouteGenericInterface, Http2SecureServer, Http2ServerRequest>
export type Reply = FastifyReply<
  RouteGenericInterface,
  Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse
>
