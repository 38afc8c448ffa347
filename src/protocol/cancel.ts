// How a caller stops what it waits for no more: docs/wire.md.

/**
 * The request header by which a caller says, with `true`, that it understands {@link STARTED_TYPE} and can cancel. Nobody else is
 * sent anything but replies.
 */
export const CANCEL_HEADER = 'rpc-cancel';

/** The `type` of a worker's message to a caller: the request is being handled; a cancel goes to the `reply_to` of this message. */
export const STARTED_TYPE = 'started';

/** The `type` of a caller's message to a worker: nobody waits any more for the answer to the request with this correlation id. */
export const CANCEL_TYPE = 'cancel';
