import type { Reply } from './fastify.ts'

/**
 * The JSON Schema of an answer, beside the route that gives it: the type of the answer and the API reference are made from it.
 * Fastify does not get it: its serializer would leave out silently what the schema does not name, and is compiled at every start.
 * A test compares the answers of a running gateway with the schemas instead.
 */
export interface AnswerSchema {
  readonly type: 'object'
  readonly description?: string
  readonly properties: Readonly<Record<string, object>>
  readonly required: readonly string[]
}

/** The type of what matches a schema; `unknown` for a reference to another schema. */
export type AnswerOf<S> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'object'; readonly properties: infer P }
    ? Members<P, RequiredIn<S>>
    : S extends { readonly type: 'object'; readonly additionalProperties: infer V }
      ? Readonly<Record<string, AnswerOf<V>>>
      : S extends { readonly type: 'array'; readonly items: infer I }
        ? readonly AnswerOf<I>[]
        : S extends { readonly type: readonly (infer T)[] }
          ? Simple<T>
          : S extends { readonly type: infer T }
            ? Simple<T>
            : unknown

type RequiredIn<S> = S extends { readonly required: readonly (infer N)[] } ? N : never

type Members<P, R> = { readonly [K in keyof P as K extends R ? K : never]: AnswerOf<P[K]> } & {
  readonly [K in keyof P as K extends R ? never : K]?: AnswerOf<P[K]>
}

type Simple<T> = T extends 'string'
  ? string
  : T extends 'integer' | 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : never

/** Sends an answer of the schema `S`, which no cache may keep. */
export function answerJson<S extends AnswerSchema>(reply: Reply, answer: AnswerOf<S>): Reply {
  return reply
    .header('cache-control', 'no-store')
    .type('application/json')
    .send(JSON.stringify(answer))
}
