/* SPDX-License-Identifier: ISC */
/* libFuzzer: a datagram. The first byte says by which settings it is judged. */
#include <config.h>

#include "preload/udp/datagram.h"

#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)         \
	do {                     \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Does it begin as a header would, of the kind that counts? */
static bool begins(const struct pp_settings *settings, const uint8_t *bytes,
		   size_t size)
{
	return settings->spp ? size >= 38 && memcmp(bytes, "\x56\xec", 2) == 0
			     : size >= 16 &&
				       memcmp(bytes, "\r\n\r\n\0\r\nQUIT\n",
					      12) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const union pp_address peer = { .in.sin_family = AF_INET };
	struct pp_settings settings;
	struct pp_datagram datagram;
	bool good, client;

	if (size == 0)
		return 0;
	pp_settings_defaults(pp_server_settings, &settings);
	settings.must_use = bytes[0] & 1;
	settings.spp = bytes[0] & 2;
	bytes++;
	size--;
	good = pp_datagram_judge(&settings, &peer, bytes, size, &datagram);
	client = datagram.client.sa.sa_family != AF_UNSPEC;
	HOLDS(!good || datagram.header <= size);
	HOLDS(good || datagram.reason != NULL);
	HOLDS(!client || (good && datagram.header >= 28));
	HOLDS(datagram.header == 0 || begins(&settings, bytes, size));
	HOLDS(!good || !settings.must_use || datagram.header > 0);
	/* what does not begin as one is handed over, unless it must */
	HOLDS(good || settings.must_use ||
	      (size >= 12 && memcmp(bytes, "\r\n\r\n\0\r\nQUIT\n", 12) == 0));
	return 0;
}
