/* SPDX-License-Identifier: ISC */
/* What the lists of each kind have in common. */
#include <config.h>

#include "settings/lists.h"

#include "suites.h"
#include "support.h"

#include <sys/mman.h>

static const struct {
	const struct pp_list *list;
	const char *good;
} kinds[] = {
	{ &pp_networks, "10.0.0.0/8" },
	{ &pp_ports, "22" },
	{ &pp_vectors, "alpn=h2" },
	{ &pp_verbatim, "x" },
};

SUITE("lists");

static void *no_memory(size_t size)
{
	(void)size;
	return MAP_FAILED;
}

TEST(no_memory_is_no_list)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct pp_bytes bytes = { NULL, 0, 0 };

		fake_mmap = no_memory;
		ck_assert_ptr_eq(pp_list_parse(kinds[i].list, kinds[i].good,
					       &bytes), kinds[i].good);
		fake_mmap = NULL;
		ck_assert_ptr_null(bytes.at);
	}
}

TEST(empty_lists_are_bad)
{
	static const char *const texts[] = { "", " ", ",", " ,\t," };

	/* of what is verbatim a blank is something */
	for (size_t i = 0; i < COUNT(texts) * (COUNT(kinds) - 1); i++) {
		struct pp_bytes bytes = { NULL, 0, 0 };
		const char *text = texts[i % COUNT(texts)];

		ck_assert_ptr_eq(pp_list_parse(kinds[i / COUNT(texts)].list,
					       text, &bytes), text);
	}
}
