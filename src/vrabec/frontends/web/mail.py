"""Mail that was given up: to whom, why, and sending it again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.services import mail


@page("mail.list")
def index(request: PageRequest) -> HttpResponse:
    """The last given up first."""
    rows, pager = paged(request, mail.list_unsent(request.actor))
    return render(request, "people/mail.html", {"rows": rows, "pager": pager, "is_on": mail.is_on()})


@page("mail.send", methods=("POST",))
def send(request: PageRequest, mail_id: int) -> HttpResponse:
    """Send it soon."""
    found = mail.send_again(request.actor, mail=mail.get_unsent(request.actor, mail_id=mail_id))
    messages.success(request, gettext("It goes to %(to)s soon.") % {"to": found.to})
    return see_other(request, reverse("mail"))
