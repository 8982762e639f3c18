"""Lists of words that the router ``local`` reads by: politeness, questions, what programmers show, what says little."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POLITE: Final = _words(
    """
    please pls plz kindly now ok okay so hey hi hello then and also just can could would will you i we want need to
    like lets let us help me my next first second finally well great nice cool thanks thank actually maybe perhaps
    quickly quick go ahead here yes no yeah yep sure but or i'd i'll id ill do don't for bitte jetzt und dann kannst
    du könntest mir mal doch noch ich möchte por favor ahora y luego puedes podrías quiero que 请 帮 我 你 您 能 可
    以 吗 先 再 然 后 现 在 把 给 一 下 想 要 好 的 那 就
    """
)
"""What may stand before an imperative in its clause."""

OPENERS: Final = _words("and then und dann y luego or 然 再 并")
"""Words behind which another imperative may stand."""

IS: Final = _words(
    """
    is are was were did does has have am isn't aren't doesn't didn't any anything anybody ist sind hat gibt está hay
    tiene es son
    """
)
"""How a question begins that wants a yes or a no."""

CAN: Final = _words("do can could would will should might must may shall don't kann könnte würde puede")
"""The same, where no person follows: with one it is a command, such as "can you run the tests?"."""

PERSONS: Final = _words("you we i u du wir ich usted tú nosotros they he she")

NOT: Final = _words("don't not no never without nor won't shouldn't ohne nicht keine kein sin ni 不 别 没")
"""Behind one of these an errand is none."""

THINGS: Final = _words(
    """
    code function method class handler query regex script endpoint config mutex lock locking loop branch diff pr mr
    patch commit migration module implementation middleware schema component hook parser serializer controller
    struct pointer thread goroutine async promise callback test tests unittest coverage sql bash dockerfile workflow
    pipeline interface api login auth cache pull codebase repo repository library package algorithm refactoring
    changeset file files server program macro template decorator validation constructor getter exception hunk
    manifest makefile terraform playbook implementations change changes singleton types typings signature
    transaction conventions orm crud dto view views modules selector stylesheet layout bundle webhook resolver
    reducer fixture snapshot mock stub adapter wrapper código función archivo rama consulta skript funktion klasse
    datei abfrage
    """
)
"""What a programmer shows to another."""

TRADE: Final = _words(
    """
    git npm pip yarn docker kubernetes k8s cluster database db table column row index readme docs docstring json
    yaml csv xml html css typescript javascript python rust java go golang ruby php react vue node linux shell
    terminal ci cd deploy deployment build compile compiler lint linter debug deps dependency dependencies version
    release tag env variable directory folder path port url http https request response header token cookie session
    log logs logging bug error errors stacktrace crash service microservice app backend frontend ui button page form
    field type generic string array list dict map hash object instance memory cpu disk latency throughput queue
    kafka redis postgres mysql sqlite mongodb s3 aws gcp azure ansible nginx cron flag cli sdk ide vscode vim plugin
    extension ordner fehler versión dependencias servidor puerto base datos
    """
)
"""Other words of the trade: where none of them is said, a request is not about software."""

GENERIC: Final = _words(
    """
    a an and any are as at be by for from general generally good has have help helping how in into is it its like
    more of on or other others over task tasks that the their them things this to use used user users using via what
    when where which who with work working you your etc all various assistance assist content existing generation
    generating deep complex problem problems solving code request requests question questions anything everything
    handling type types new best simple high low level quality related based including well text improvements
    improvement analyzing analyze writing write create creating make making answer answers detailed need needs kind
    stuff such not no do does can could may might must shall should would will long short two three four five six
    ten between most much many less least few both each every either neither only own same than too very just about
    after again also always am because been before being did doing down during further had he her here hers him his
    i if me my myself nor now off once our out she so some then there these they those through under until up we
    were while why yes yourself want wants look looks give gives get gets go goes keep show tell please thing find
    people number numbers day days time year years way ways first last next part one der die das und oder für mit
    von zu ein eine einer el la los las y o de del para con un una por
    """
)
"""Words of descriptions that say too little by themselves to speak for one preference."""
