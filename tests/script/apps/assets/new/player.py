# coding: utf-8
NAME = 'Ansage äöü'


def play(name):
    return '/usr/sounds/' + name
