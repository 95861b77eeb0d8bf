/* SPDX-License-Identifier: ISC */
/* Runs every suite. Check's own variables apply: CK_FORK, CK_RUN_SUITE ... */
#include <config.h>

#include "suites.h"

#include <stdlib.h>

int main(void)
{
	static Suite *(*const suites[])(void) = {
		pp_suite_address,
		pp_suite_admission,
		pp_suite_api,
		pp_suite_api_inverse,
		pp_suite_api_tlv,
		pp_suite_destinations,
		pp_suite_header,
		pp_suite_header_format,
		pp_suite_header_v1,
		pp_suite_header_v1_mutated,
		pp_suite_header_v2,
		pp_suite_kept,
		pp_suite_literal,
		pp_suite_log,
		pp_suite_networks,
		pp_suite_note,
		pp_suite_original,
		pp_suite_outgoing,
		pp_suite_ports,
		pp_suite_receive,
		pp_suite_receive_faults,
		pp_suite_reset,
		pp_suite_room,
		pp_suite_room_faults,
		pp_suite_room_lost,
		pp_suite_send,
		pp_suite_settings,
		pp_suite_settings_client,
		pp_suite_settings_file,
		pp_suite_tlv,
	};
	SRunner *runner = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
