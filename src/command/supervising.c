/* SPDX-License-Identifier: ISC */
/* Whether something can be supervised; see supervising.h. */
#include <config.h>

#include "command/supervising.h"

#include "command/command.h"
#include "command/reading.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *pp_supervising_lacks(const struct pp_settings *settings,
				 bool is_client, bool datagrams)
{
	if (settings->inetd)
		return "inetd";
	if (settings->unix_listeners)
		return "unix";
	if (datagrams || (is_client && settings->udp))
		return "udp";
	return is_client && settings->spp ? "version=spp" : NULL;
}

/* Cuts what each line of ours begins with. */
static const char *skip_names(const char *line)
{
	static const char *const names[] = { "proxyproto: ", "run: " };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			line += strlen(names[i]);
	return line;
}

bool pp_supervising_works(char *text, size_t size)
{
	char own[PATH_MAX], line[1024];
	char *const argv[] = { own, (char[]){ "run" },
			       (char[]){ "--how=supervise" }, own,
			       (char[]){ "--version" }, NULL };
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	struct pp_reading reading;

	own[length < 0 ? 0 : length] = '\0';
	snprintf(text, size, "it cannot be tried");
	if (!pp_reading_start(&reading, argv))
		return false;
	while (fgets(line, sizeof(line), reading.output) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "%s", skip_names(line));
	}
	return pp_reading_end(&reading) == 0;
}
