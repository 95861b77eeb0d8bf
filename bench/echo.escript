#!/usr/bin/env escript
%% SPDX-License-Identifier: ISC
%% An echo server for the benchmarks, as in the README of the original: one
%% process a connection. Arguments: the port; own, where it is to take a PROXY
%% protocol header of version 2 off itself.
%%! -start_epmd false
-mode(compile).

main([Port | Own]) ->
    {ok, Listener} = gen_tcp:listen(
        list_to_integer(Port),
        [binary, {ip, {127, 0, 0, 1}}, {active, false}, {reuseaddr, true},
         {backlog, 4096}, {nodelay, true}]),
    io:format("listening~n"),
    Serve = case Own of
        [] -> fun echo/1;
        ["own"] -> fun take_header/1
    end,
    accept(Listener, Serve).

accept(Listener, Serve) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Server = spawn(fun() -> receive go -> Serve(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener, Serve).

take_header(Socket) ->
    {ok, <<13, 10, 13, 10, 0, 13, 10, "QUIT", 10, _, _, Size:16>>} =
        gen_tcp:recv(Socket, 16),
    {ok, _} = gen_tcp:recv(Socket, Size),
    echo(Socket).

echo(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} ->
            gen_tcp:send(Socket, Data),
            echo(Socket);
        {error, _} ->
            gen_tcp:close(Socket)
    end.
