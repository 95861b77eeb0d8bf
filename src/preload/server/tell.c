/* SPDX-License-Identifier: ISC */
/* What became of a connection; see tell.h. */
#include <config.h>

#include "preload/server/tell.h"

#include "connection/report.h"
#include "preload/configuration.h"

#include <stdatomic.h>
#include <unistd.h>

static _Atomic bool stderr_is_taken;

void pp_tell_taken(int fd)
{
	if (fd == STDERR_FILENO)
		atomic_store(&stderr_is_taken, true);
}

static bool is_told(int fd)
{
	pp_tell_taken(fd);
	return pp_configuration()->debug && !atomic_load(&stderr_is_taken);
}

void pp_tell_header(const char *by, int fd, const union pp_address *proxy,
		    const struct pp_header *header)
{
	char at[PP_ADDRESS_TEXT], from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];

	if (!is_told(fd))
		return;
	pp_report(pp_library,
	       "%s: fd %d: v%u %s header of %zu bytes from proxy %s: "
	       "client %s, destination %s",
	       by, fd, header->version,
	       header->command == PP_COMMAND_LOCAL ? "LOCAL" : "PROXY",
	       header->length, pp_address_text(proxy, at, sizeof(at)),
	       pp_address_text(&header->source, from, sizeof(from)),
	       pp_address_text(&header->destination, to, sizeof(to)));
}

void pp_tell_outcome(const char *by, int fd, const union pp_address *proxy,
		     const char *outcome, const char *reason)
{
	char at[PP_ADDRESS_TEXT];

	if (!is_told(fd))
		return;
	pp_report(pp_library, "%s: fd %d: %s: %s, from %s", by, fd, outcome,
	       reason, pp_address_text(proxy, at, sizeof(at)));
}
