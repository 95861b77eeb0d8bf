/* SPDX-License-Identifier: ISC */
/*
 * The settings of both libraries: one table each of name, default, type and
 * field. Pure: where the values come from is the caller's.
 */
#ifndef PP_SETTINGS_SETTINGS_H
#define PP_SETTINGS_SETTINGS_H

#include "protocol/address.h"
#include "protocol/header.h"
#include "settings/lists.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_SETTINGS_PREFIX "LIBPROXYPROTO_"

/* The most clients that UDP_CLIENTS takes: a GiB of memory for them. */
#define PP_UDP_CLIENTS_MAX (1u << 24)

/* No table has more settings than this. */
#define PP_SETTINGS_MAX 16

/* Where a value comes from; one further down beats those above. */
enum pp_settings_source {
	PP_FROM_ELSEWHERE = -1,	/* the file's for others: it is only checked */
	PP_FROM_DEFAULT,
	PP_FROM_FILE,
	PP_FROM_ENVIRONMENT,
};

/*
 * What was given, as it was given: for each row of the table where in text its
 * value begins, and the name of its section of the file. 0, which is "", where
 * that is not known. What finds no room is not; there is some for a value of
 * each row.
 */
struct pp_settings_said {
	uint16_t value[PP_SETTINGS_MAX];
	uint16_t section[PP_SETTINGS_MAX];
	uint16_t length;
	char text[608];
};

struct pp_settings {
	bool debug;
	bool must_use;
	bool inetd;			/* server */
	unsigned versions;		/* server: enum pp_versions */
	bool spp;			/* UDP: Simple Proxy Protocol instead */
	int timeout;			/* milliseconds */
	struct pp_bytes trusted;	/* server: proxies that are believed */
	struct pp_bytes ports;		/* server: local ports that count */
	bool own_destination;		/* server: getsockname is the kernel's */
	bool ipv4_alone;		/* server: AF_INET shows no IPv6 client */
	bool unix_listeners;		/* server: they count, too */
	char config[256];		/* server: path of the settings file */
	unsigned udp_clients;		/* UDP: how many are remembered */
	/* The client's: what the header says, and how it is sent. */
	unsigned send_version;		/* 0 none */
	enum pp_command command;
	union pp_address source;	/* the first of them */
	uint64_t source_count;		/* 0 for 2^64 */
	union pp_address destination;	/* AF_UNSPEC: where it connects to */
	int destination_port;		/* -1: the same */
	struct pp_bytes vectors;	/* TLVs as they stand in a header */
	bool crc32c;
	struct pp_bytes raw;		/* a header verbatim, instead */
	unsigned split;			/* bytes a write, 0 all of them */
	int delay;			/* milliseconds between writes */
	struct pp_bytes to;		/* endpoints that get a header */
	bool udp;			/* each datagram gets one, too */
	/* an enum pp_settings_source for each row of the table */
	uint8_t from[PP_SETTINGS_MAX];
	bool has_file;			/* server: the settings file is there */
	bool syn_cookies;		/* server: the kernel has them */
	struct pp_settings_said said;
};

/* What a setting takes: most have a field of struct pp_settings for it. */
enum pp_setting_type {
	PP_SETTING_BOOLEAN,	/* bool */
	PP_SETTING_NUMBER,	/* unsigned: up to the limit */
	PP_SETTING_SECONDS,	/* int, milliseconds: from the limit to an hour */
	PP_SETTING_CHOICE,	/* bool: is it the second of "this or that"? */
	PP_SETTING_LIST,	/* struct pp_bytes */
	PP_SETTING_OTHER,	/* what its parser takes */
};

/* One setting: how it is called, what it takes, where it goes. */
struct pp_setting {
	const char *name;	/* without PP_SETTINGS_PREFIX */
	const char *fallback;	/* default, in the words of the environment */
	const char *allowed;	/* for the message about a bad value */
	enum pp_setting_type type;
	size_t field;		/* its offset */
	unsigned limit;
	const struct pp_list *list;
	/* False where the value is bad: then *settings is of no use. */
	bool (*parse)(const char *value, struct pp_settings *settings);
	bool environment_only;	/* has no place in the settings file */
};

/* Where a field is; a compiler warns where it is not of the type. */
#define PP_FIELD(type, name)                                               \
	(offsetof(struct pp_settings, name) +                              \
	 0 * sizeof((type *)NULL == &((struct pp_settings *)NULL)->name))

/* What rows of a type begin with behind their texts. */
#define PP_BOOLEAN(name) PP_SETTING_BOOLEAN, .field = PP_FIELD(bool, name)
#define PP_NUMBER(name, most)                                              \
	PP_SETTING_NUMBER, .field = PP_FIELD(unsigned, name), .limit = (most)
#define PP_SECONDS(name, least)                                            \
	PP_SETTING_SECONDS, .field = PP_FIELD(int, name), .limit = (least)
#define PP_CHOICE(name) PP_SETTING_CHOICE, .field = PP_FIELD(bool, name)
#define PP_LIST(name, how)                                                 \
	PP_SETTING_LIST, .field = PP_FIELD(struct pp_bytes, name), .list = &(how)
#define PP_OTHER(parser) PP_SETTING_OTHER, .parse = (parser)

/* What was wrong with a value; text is empty where nothing was. */
struct pp_settings_error {
	char text[480];
};

/* The tables, each ended by a NULL name. */
extern const struct pp_setting pp_server_settings[];
extern const struct pp_setting pp_client_settings[];

/* Reads a boolean. False where the value is bad. */
#define PP_SETTINGS_BOOLEAN "1, yes, true, on, 0, no, false, off or nothing"
bool pp_settings_boolean(const char *value, bool *to);

/*
 * Describes two settings of the client that do not go together, each good by
 * itself, in one line. Says nothing where *error has something already.
 */
void pp_settings_agree(const struct pp_settings *settings,
		       struct pp_settings_error *error);

/* Fills *settings with the defaults of a table. */
void pp_settings_defaults(const struct pp_setting *table,
			  struct pp_settings *settings);

/* The row of that name, whatever the case and locale; NULL: there is none. */
const struct pp_setting *pp_settings_find(const struct pp_setting *table,
					  const char *name);

/* Where a value stands. */
struct pp_settings_origin {
	enum pp_settings_source source;
	const char *section;	/* of the file, or "" */
	const char *place;	/* for messages, up to the name */
};

/*
 * Takes a value for a row of the table, unless one from a source further down
 * is there already. A bad value changes nothing and is described as
 * pp_settings_fail does: where it stands, the bad part, what is allowed.
 */
void pp_settings_set(const struct pp_setting *table,
		     const struct pp_setting *row, const char *value,
		     const struct pp_settings_origin *origin,
		     struct pp_settings *settings,
		     struct pp_settings_error *error);

/*
 * Writes which settings were given, with their values and where they come from:
 * "VERSION=3 (file, [sshd]), DEBUG=1 (environment)". Long values are cut, and
 * so is the text where it is too long.
 */
void pp_settings_list(const struct pp_setting *table,
		      const struct pp_settings *settings, char *text,
		      size_t size);

/* Writes the line, cut where it is too long, unless there is one already. */
void pp_settings_fail(struct pp_settings_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Gives back the memory that settings use and others do not. */
void pp_settings_drop(struct pp_settings *settings,
		      const struct pp_settings *others);

/*
 * Takes every "LIBPROXYPROTO_name=value" of an environment. A name of another
 * library's settings is ignored; one that is nobody's, and a bad value, is
 * described in *error: a slip in TRUSTED must not open the door. False where
 * there is none.
 */
bool pp_settings_environment(const struct pp_setting *table,
			     char *const *environment,
			     struct pp_settings *settings,
			     struct pp_settings_error *error);

#endif
