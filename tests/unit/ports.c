/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "settings/lists.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

/* Fails unless the list stands for exactly the ports marked. */
static void assert_ports(const char *list, const bool *marked)
{
	struct pp_bytes ports = { NULL, 0, 0 };
	const char *bad = pp_list_parse(&pp_ports, list, &ports);

	ck_assert_msg(bad == NULL, "\"%s\": \"%s\" is bad", list, bad);
	for (unsigned port = 0; port <= 65535; port++)
		ck_assert_msg(pp_ports_have(&ports, (uint16_t)port) ==
				      marked[port],
			      "\"%s\": %u", list, port);
	pp_bytes_free(&ports);
	ck_assert_ptr_null(ports.at);
}

static bool marked[65536];

static void mark(unsigned first, unsigned last)
{
	for (unsigned port = first; port <= last; port++)
		marked[port] = true;
}

SUITE("ports");

TEST(ports_and_ranges)
{
	memset(marked, 0, sizeof(marked));
	mark(22, 22);
	mark(80, 80);
	mark(8000, 8099);
	assert_ports("22,80, 8000-8099", marked);
	assert_ports("8050-8099\t80 22 ,, 8000-8060,22\n", marked);
}

TEST(first_and_last)
{
	memset(marked, 0, sizeof(marked));
	mark(1, 1);
	mark(65535, 65535);
	assert_ports("1 65535", marked);
	assert_ports("65535-65535,1-1", marked);
	mark(1, 65535);
	assert_ports("1-65535", marked);
}

TEST(all_is_no_list)
{
	struct pp_bytes ports = { NULL, 0, 0 };

	memset(marked, 1, sizeof(marked));
	assert_ports(" All ,", marked);
	ck_assert_ptr_null(pp_list_parse(&pp_ports, "all", &ports));
	ck_assert_ptr_null(ports.at);
}

TEST(bad_words_are_pointed_at)
{
	static const char *const words[] = {
		"0",	"65536", "022",	   "-1",    "1-",    "-",
		"0-9",	"9-8",	 "1-2-3",  "1--2",  "+1",    "1.0",
		"http", "all",	 "1-all",  "1:2",   "0x16",  "1-65536",
		"4294967318",	 "99999999999999999999",  "22;80",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		struct pp_bytes ports = { NULL, 0, 0 };
		char list[80];

		snprintf(list, sizeof(list), "22 %s,80 x", words[i]);
		ck_assert_msg(pp_list_parse(&pp_ports, list, &ports) == list + 3, "%s",
			      words[i]);
		ck_assert_ptr_null(ports.at);
	}
}
