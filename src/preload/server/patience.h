/* SPDX-License-Identifier: ISC */
/*
 * How long accept itself waits for a header. A proxy sends it at once, a moment
 * behind the connection; where TCP_DEFER_ACCEPT does not have the kernel wait
 * for it (TRUSTED without MUST_USE: a client that is no proxy may be silent),
 * nearly all connections would go through the waiting room. Some proxies hold
 * it back until the client speaks: there accept does not wait for it.
 */
#ifndef PP_PRELOAD_SERVER_PATIENCE_H
#define PP_PRELOAD_SERVER_PATIENCE_H

#include "connection/receive.h"
#include "preload/server/listeners.h"
#include "settings/settings.h"

/* Milliseconds. */
#define PP_PATIENCE 5

/*
 * Goes on with a connection that the kernel has just given and whose header is
 * not whole, PP_PATIENCE at most, where that has been paying off on this
 * listener. What has become of it. A signal ends the wait.
 */
enum pp_received pp_patience_wait(struct pp_listener *listener,
				  const struct pp_settings *settings,
				  struct pp_receive *receive, uint8_t *peeked);

/* Notes that one has left the room that was accepted then, by pp_now. */
void pp_patience_note(struct pp_listener *listener, int64_t accepted);

#endif
