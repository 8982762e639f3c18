"""The names of the catalogue of wire quirks, in the order of their numbers, from 1 on."""

from __future__ import annotations

_TEXT = """
path-double-v1 path-missing-v1 path-dup-endpoint path-beta-query path-count-tokens-404 path-wrong-plan-root
auth-bearer-required ua-allowlist-kimi-coding beta-header-rejected accept-encoding-sse content-type-not-sse
role-developer-rejected system-not-first roles-must-alternate reasoning-missing-kimi reasoning-missing-deepseek
reasoning-field-forbidden unknown-message-keys gemini-thought-signature max-completion-tokens store-rejected
strict-tools-rejected tools-empty-array kimi-temperature-fixed moonshot-temp-scale thinking-xor-effort
thinking-dialect effort-enum tool-choice-vs-thinking tool-choice-object toolid-mistral-9 toolid-charset-len
toolid-reused-kimi tool-result-orphan tool-content-must-be-string assistant-empty-text assistant-null-content
schema-anyof-parent-type schema-missing-type schema-tuple-items schema-type-array-null schema-root-combinator
schema-ref-siblings schema-object-no-properties schema-gemini-keywords schema-enum-slash-xai thinking-needs-stream
lone-surrogates usage-not-requested context-management-extra eager-input-streaming tool-extra-keys thinking-adaptive
thinking-signature-foreign system-role-in-messages image-unsupported resp-tool-types resp-unsupported-fields
resp-encrypted-reasoning-foreign resp-item-id-replay resp-fc-status resp-string-input finish-reason-never
finish-reason-nonstandard finish-stop-with-tools finish-toolcalls-truncated delta-role-empty
delta-role-missing-first choices-null-or-missing choices-empty delta-null chunk-scalars tool-index-missing
tool-index-all-zero tool-index-shape tool-id-missing tool-id-number tool-name-repeated tool-name-late tool-type-bad
tool-function-null tool-args-object tool-args-empty tool-args-prefix-obj tool-args-cumulative tool-args-invalid-json
legacy-function-call message-instead-of-delta usage-in-choice usage-cache-field usage-bad-types reasoning-field-name
think-tags-in-content reasoning-and-content-same-chunk list-delta-without-index content-as-parts sse-done-missing
sse-done-variants sse-final-newline-missing sse-keepalive-as-event sse-comment-lines sse-framing
stream-request-json-response json-request-sse-response error-200-json error-midstream-shape error-null-key
error-body-shapes quota-as-429 overload-as-429 validation-as-5xx overflow-phrase choices-null-200
groq-tool-use-failed service-tier-literal idle-timeout anth-event-line-missing anth-event-name-wrong
anth-data-type-missing anth-message-start-bad anth-block-start-missing anth-block-stop-missing anth-index-bad
anth-delta-before-start anth-null-text anth-tool-input-shape anth-thinking-no-signature anth-message-delta-usage
anth-message-delta-delta anth-message-stop-missing anth-done-sentinel anth-stop-reason anth-error-event
anth-unknown-variants resp-completed-missing resp-done-alias resp-completed-fields resp-item-done-missing
resp-scaffold-missing resp-item-id-rotates resp-ids-missing resp-output-index resp-type-missing resp-error-event
resp-unknown-events resp-id-changes resp-sequence-number resp-stream-is-chat silent-truncation
"""

NAMES = tuple(_TEXT.split())
