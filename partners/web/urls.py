"""The pages, by noun; who may open each is told in access.py."""

from django.urls import URLPattern, URLResolver, path

from partners.web.views import approvals, compliance, home, invitations, partners, portal, probing, releases, whatif

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("partners/", partners.show_list, name="partner-list"),
    path("partners/add/", partners.add, name="partner-add"),
    path("partners/add/check/", whatif.check_new, name="partner-check"),
    path("partners/<int:pk>/", partners.show, name="partner-detail"),
    path("partners/<int:pk>/edit/", partners.edit, name="channel-edit"),
    path("partners/<int:pk>/check/", whatif.check_edit, name="channel-check"),
    path("partners/<int:pk>/probe/", probing.probe_now, name="partner-probe"),
    path("partners/<int:pk>/look/", probing.panel, name="partner-probe-panel"),
    path("partners/<int:pk>/invite/", invitations.invite, name="partner-invite"),
    path("approvals/", approvals.show, name="approvals"),
    path("approvals/<str:kind>/<int:pk>/", approvals.decide, name="pin-decide"),
    path("releases/", releases.show_list, name="release-list"),
    path("releases/cut/", releases.cut, name="candidate-cut"),
    path("releases/<int:number>/", releases.show, name="release-detail"),
    path("candidates/<int:pk>/", releases.show_candidate, name="candidate-detail"),
    path("candidates/<int:pk>/decide/", releases.decide, name="candidate-decide"),
    path("export/", releases.export_home, name="export-home"),
    path("export/<slug:group>/download/", releases.download, name="export-download"),
    path("export/<slug:group>/tls_policy", releases.relay_export, name="relay-export"),
    path("compliance/", compliance.show, name="compliance"),
    path("compliance/table.csv", compliance.table, name="compliance-csv"),
    path("invitations/", invitations.accept, name="invitation-accept"),
    path("invitations/<str:token>/", invitations.follow, name="invitation-follow"),
    path("approvals/invitations/<int:pk>/send/", invitations.send_again, name="invitation-send"),
    path("portal/", portal.home, name="portal-home"),
    path("portal/<int:pk>/upload/", portal.upload, name="portal-upload"),
    path("portal/<int:pk>/submit/", portal.submit, name="portal-submit"),
    path("portal/pins/<int:pk>/withdraw/", portal.withdraw, name="portal-withdraw"),
]
