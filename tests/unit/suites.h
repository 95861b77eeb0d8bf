/* SPDX-License-Identifier: ISC */
/* The suites: one a file. CK_RUN_SUITE=name runs one alone. */
#ifndef PP_UNIT_SUITES_H
#define PP_UNIT_SUITES_H

#include <check.h>

Suite *pp_suite_address(void);
Suite *pp_suite_admission(void);
Suite *pp_suite_api(void);
Suite *pp_suite_api_inverse(void);
Suite *pp_suite_api_tlv(void);
Suite *pp_suite_destinations(void);
Suite *pp_suite_header(void);
Suite *pp_suite_header_format(void);
Suite *pp_suite_header_v1(void);
Suite *pp_suite_header_v1_mutated(void);
Suite *pp_suite_header_v2(void);
Suite *pp_suite_kept(void);
Suite *pp_suite_literal(void);
Suite *pp_suite_log(void);
Suite *pp_suite_networks(void);
Suite *pp_suite_note(void);
Suite *pp_suite_original(void);
Suite *pp_suite_outgoing(void);
Suite *pp_suite_ports(void);
Suite *pp_suite_receive(void);
Suite *pp_suite_receive_faults(void);
Suite *pp_suite_reset(void);
Suite *pp_suite_room(void);
Suite *pp_suite_room_faults(void);
Suite *pp_suite_room_lost(void);
Suite *pp_suite_send(void);
Suite *pp_suite_settings(void);
Suite *pp_suite_settings_client(void);
Suite *pp_suite_settings_file(void);
Suite *pp_suite_tlv(void);

#endif
