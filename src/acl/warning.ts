export type WarningCode =
  | 'access_word_as_topic'
  | 'anonymous_unused'
  | 'client_id_chosen'
  | 'comment_in_name'
  | 'covers_everything'
  | 'deny_outranked'
  | 'invisible_character'
  | 'last_line_ignored'
  | 'never_matches'
  | 'never_over_http'
  | 'never_published'
  | 'no_rules'
  | 'pattern_for_everybody'
  | 'placeholder_in_level'
  | 'placeholder_literal'
  | 'shadowed'
  | 'user_never_seen'
  | 'user_repeated'
  | 'user_unknown'
  | 'user_without_topics'

/** What loads but is perhaps not what was meant. */
export interface Warning {
  readonly line: number
  /** The byte of the file that it is about. */
  readonly at: number
  readonly code: WarningCode
  readonly message: string
}
