/* SPDX-License-Identifier: ISC */
/*
 * The settings of both libraries: one table each of name, type, default,
 * parser and help. Pure: where the values come from is the caller's.
 */
#ifndef PP_SETTINGS_H
#define PP_SETTINGS_H

#include "address.h"
#include "header.h"

#include <stdbool.h>
#include <stddef.h>

#define PP_SETTINGS_PREFIX "LIBPROXYPROTO_"

struct pp_settings {
	bool debug;
	bool must_use;
	enum pp_versions versions;	/* server: which are taken off */
	unsigned send_version;		/* client: which is sent, 0 none */
	int timeout;			/* milliseconds */
	union pp_address source;	/* client: address and port to claim */
};

/* One setting: how it is called, what it takes, where it goes. */
struct pp_setting {
	const char *name;	/* without PP_SETTINGS_PREFIX */
	const char *fallback;	/* default, in the words of the environment */
	const char *allowed;	/* for the message about a bad value */
	const char *help;
	bool (*parse)(const char *value, struct pp_settings *settings);
};

/* What was wrong with a value; text is empty where nothing was. */
struct pp_settings_error {
	char text[256];
};

/* The tables, each ended by a NULL name. */
extern const struct pp_setting pp_server_settings[];
extern const struct pp_setting pp_client_settings[];

/* Fills *settings with the defaults of a table. */
void pp_settings_defaults(const struct pp_setting *table,
			  struct pp_settings *settings);

/*
 * Takes one name and value. A name that is not in the table is not ours and
 * is ignored. A bad value changes nothing, and the first one is described in
 * *error: the name, the value, what is allowed.
 */
void pp_settings_take(const struct pp_setting *table, const char *name,
		      const char *value, struct pp_settings *settings,
		      struct pp_settings_error *error);

/* Takes every "LIBPROXYPROTO_name=value" of an environment. */
void pp_settings_environment(const struct pp_setting *table,
			     char *const *environment,
			     struct pp_settings *settings,
			     struct pp_settings_error *error);

#endif
