/* SPDX-License-Identifier: ISC */
/* Names of settings, and slips in them; see settings.h. */
#include <config.h>

#include "settings/settings.h"

#include <limits.h>
#include <string.h>

/* Beyond so many letters of what was given nothing is compared. */
#define GIVEN_MAX 64

/*
 * Those of both tables, the server's first. The tables themselves would bring
 * the parsers of the one library into the other. Characters, not pointers,
 * which the loader would have to write for each process that starts.
 */
static const char names[][sizeof("MUST_USE_PROTOCOL_HEADER")] = {
	"DEBUG", "MUST_USE_PROTOCOL_HEADER", "VERSION", "TRUSTED", "PORTS",
	"TIMEOUT", "INETD", "CONFIG",
	"ADDR", "PORT", "DEST_ADDR", "DEST_PORT", "COMMAND", "TLV", "CRC32C",
	"RAW", "SPLIT", "DELAY",
};

/* In upper case, as names are, whatever the locale. */
static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * How many letters are to be put in, taken out or replaced to make one of the
 * other: Levenshtein's distance, with one row of his table.
 */
static unsigned distance(const char *given, const char *name)
{
	unsigned row[sizeof(*names)];
	const size_t length = strlen(name);

	for (size_t i = 0; i <= length; i++)
		row[i] = (unsigned)i;
	for (unsigned line = 1; *given != '\0' && line <= GIVEN_MAX; line++) {
		const char letter = upper(*given++);
		unsigned diagonal = row[0];

		row[0] = line;
		for (size_t i = 1; i <= length; i++) {
			unsigned replaced = diagonal + (letter != name[i - 1]);

			diagonal = row[i];
			row[i] = smaller(smaller(row[i], row[i - 1]) + 1,
					 replaced);
		}
	}
	return row[length];
}

const char *pp_settings_nearest(const char *name)
{
	const char *nearest = NULL;
	unsigned least = UINT_MAX;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		unsigned changes = distance(name, names[i]);

		if (changes < least) {
			least = changes;
			nearest = names[i];
		}
	}
	return nearest;
}
