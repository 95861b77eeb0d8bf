#!/usr/bin/env escript
%% SPDX-License-Identifier: ISC
%% Echoes what clients send and says who they are, as inet:peername has it, and
%% to where they connected.
%% Arguments: address, port, passive or active.
%%! -start_epmd false +S 2

main([Host, Port, Mode]) ->
    {ok, Address} = inet:parse_address(Host),
    Family = case tuple_size(Address) of 4 -> inet; 8 -> inet6 end,
    {ok, Listener} = gen_tcp:listen(
        list_to_integer(Port),
        [Family, binary, {ip, Address}, {active, false}, {reuseaddr, true},
         {backlog, 256}]),
    [spawn_link(fun() -> accept(Listener, Mode) end)
     || _ <- lists:seq(1, 4)],
    io:format("listening~n"),
    receive never -> ok end.

accept(Listener, Mode) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Server = spawn_link(fun() -> receive go -> serve(Socket, Mode) end end),
    ok = gen_tcp:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener, Mode).

%% The peer is asked for first: Erlang closes an active socket by itself.
serve(Socket, Mode) ->
    {ok, {Address, Port}} = inet:peername(Socket),
    {ok, {To, ToPort}} = inet:sockname(Socket),
    Who = io_lib:format("~s ~b at ~s ~b", [inet:ntoa(Address), Port,
                                           inet:ntoa(To), ToPort]),
    inet:setopts(Socket, [{active, Mode =:= "active"}]),
    echo(Socket, Mode, Who).

echo(Socket, Mode, Who) ->
    case next(Socket, Mode) of
        {ok, Data} ->
            io:format("~s said ~s~n", [Who, Data]),
            gen_tcp:send(Socket, Data),
            echo(Socket, Mode, Who);
        closed ->
            gen_tcp:close(Socket)
    end.

next(Socket, "passive") ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} -> {ok, Data};
        {error, _} -> closed
    end;
next(Socket, "active") ->
    receive
        {tcp, Socket, Data} -> {ok, Data};
        {tcp_closed, Socket} -> closed;
        {tcp_error, Socket, _} -> closed
    end.
